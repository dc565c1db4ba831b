{{ stage('brands', newest_by='updated_at', deleted='coalesce(is_deleted, false)') }}

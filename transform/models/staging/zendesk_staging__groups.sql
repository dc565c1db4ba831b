{{ stage('groups', newest_by='updated_at', deleted='coalesce(deleted, false)') }}

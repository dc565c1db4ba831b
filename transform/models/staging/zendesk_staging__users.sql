{{ stage('users', newest_by='updated_at', deleted='not coalesce(active, true)') }}

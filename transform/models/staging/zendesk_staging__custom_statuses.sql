{{ stage('custom_statuses', newest_by='updated_at') }}

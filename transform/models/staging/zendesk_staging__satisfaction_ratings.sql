{{ stage('satisfaction_ratings', newest_by='updated_at') }}

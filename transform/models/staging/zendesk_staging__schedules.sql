{{ stage('schedules', newest_by='updated_at') }}

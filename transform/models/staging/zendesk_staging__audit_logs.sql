{{ stage('audit_logs', newest_by='created_at') }}

{{ stage('ticket_metrics', newest_by='updated_at') }}

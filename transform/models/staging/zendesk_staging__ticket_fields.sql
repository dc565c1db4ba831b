{{ stage('ticket_fields', newest_by='updated_at') }}

{{ stage('ticket_events', key=['id', 'created_at']) }}

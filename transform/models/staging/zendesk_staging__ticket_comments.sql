{{ stage('ticket_comments', key=['id', 'created_at']) }}

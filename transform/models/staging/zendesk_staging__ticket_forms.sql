{{ stage('ticket_forms', newest_by='updated_at', deleted='deleted_at is not null') }}

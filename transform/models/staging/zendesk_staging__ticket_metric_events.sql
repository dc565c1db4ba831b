{{ stage('ticket_metric_events', newest_by='time', deleted='coalesce(deleted, false)') }}

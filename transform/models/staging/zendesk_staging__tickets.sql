{{ stage('tickets', newest_by='generated_timestamp', deleted="status = 'deleted'") }}

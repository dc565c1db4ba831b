{{ stage('sla_policies', newest_by='updated_at') }}

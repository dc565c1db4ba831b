select distinct
{{ shape({
  '_fivetran_synced': 'loaded_at',
  'ticket_id': 'ticket_id',
  'policy_applied_at': 'time',
  'sla_policy_id': json_text('sla', ['policy', 'id'])
}) }}
from {{ ref('zendesk_staging__ticket_metric_events') }}
where type = 'apply_sla' and {{ json_text('sla', ['policy', 'id']) }} is not null

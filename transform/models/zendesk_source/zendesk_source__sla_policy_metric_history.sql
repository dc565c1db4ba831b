{#- The policies as they are now: Zendesk has no history of them. -#}
select
{{ shape({
  '_fivetran_synced': 'loaded_at',
  'sla_policy_id': 'id',
  'sla_policy_updated_at': 'updated_at',
  'index': 'element.position - 1',
  'business_hours': json_text('element.value', ['business_hours']),
  'metric': json_text('element.value', ['metric']),
  'priority': json_text('element.value', ['priority']),
  'target': json_text('element.value', ['target'])
}) }}
from {{ ref('zendesk_staging__sla_policies') }}
{{ join_elements('policy_metrics', 'element') }}

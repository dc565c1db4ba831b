select
{{ shape({
  '_fivetran_synced': 'loaded_at', 'organization_id': 'id', 'domain_name': json_as_text('element.value'), 'index': 'element.position - 1'
}) }}
from {{ ref('zendesk_staging__organizations') }}
{{ join_elements('domain_names', 'element') }}

select
{{ shape({
  '_fivetran_synced': 'loaded_at', 'organization_id': 'id', 'tag': json_as_text('element.value')
}) }}
from {{ ref('zendesk_staging__organizations') }}
{{ join_elements('tags', 'element') }}

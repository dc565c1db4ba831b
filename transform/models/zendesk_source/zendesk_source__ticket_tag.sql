select
{{ shape({
  '_fivetran_synced': 'loaded_at', 'ticket_id': 'id', 'tag': json_as_text('element.value')
}) }}
from {{ ref('zendesk_staging__tickets') }}
{{ join_elements('tags', 'element') }}

select
{{ shape({
  '_fivetran_synced': 'loaded_at', 'user_id': 'id', 'tag': json_as_text('element.value')
}) }}
from {{ ref('zendesk_staging__users') }}
{{ join_elements('tags', 'element') }}

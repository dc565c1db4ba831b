select
  tickets.id as ticket_id,
  cast({{ json_text('field.value', ['id']) }} as {{ dbt.type_bigint() }}) as field_id,
  {{ json_text('field.value', ['value']) }} as value
from {{ ref('zendesk_staging__tickets') }} as tickets
{{ join_elements('custom_fields', 'field') }}
where {{ json_text('field.value', ['value']) }} is not null

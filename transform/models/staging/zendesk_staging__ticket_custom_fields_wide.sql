with options as (
  select fields.id as field_id, {{ json_text('option.value', ['value']) }} as tag,
    {{ json_text('option.value', ['name']) }} as label
  from {{ ref('zendesk_staging__ticket_fields') }} as fields
  {{ join_elements('custom_field_options', 'option') }}
), several as (
  select tickets.id as ticket_id, {{ json_as_text('choice.value') }} as tag, choice.position,
    cast({{ json_text('field.value', ['id']) }} as {{ dbt.type_bigint() }}) as field_id
  from {{ ref('zendesk_staging__tickets') }} as tickets
  {{ join_elements('custom_fields', 'field') }}
  {{ join_elements(json_value_at('field.value', 'value'), 'choice') }}
), labels_of_several as (
  select several.ticket_id, several.field_id,
    {{ dbt.listagg('coalesce(options.label, several.tag)', "', '", 'order by several.position') }} as value
  from several
  left join options on options.field_id = several.field_id and options.tag = several.tag
  group by 1, 2
), labelled as (
  select given.ticket_id, given.field_id,
    coalesce(labels_of_several.value, options.label, given.value) as value
  from {{ ref('zendesk_staging__ticket_custom_fields') }} as given
  left join labels_of_several
    on labels_of_several.ticket_id = given.ticket_id and labels_of_several.field_id = given.field_id
  left join options on options.field_id = given.field_id and options.tag = given.value
)
select tickets.id as ticket_id
  {% for field in account_ticket_fields() %}
  , max(case when labelled.field_id = {{ field.id }} then labelled.value end) as {{ adapter.quote(field.name) }}
  {% endfor %}
from {{ ref('zendesk_staging__tickets') }} as tickets
left join labelled on labelled.ticket_id = tickets.id
group by 1

-- The last value of each field in the history is the value that the ticket has now. If this fails
-- after older events were loaded, build zendesk_source__ticket_field_history with --full-refresh.
-- Tickets and events are not loaded at the same moment, so changes that only one of them has are left out.
{{ config(severity='warn') }}
with history as (
  select ticket_id, field_name, value, updated,
    row_number() over (partition by ticket_id, field_name order by updated desc) as age
  from {{ ref('zendesk_source__ticket_field_history') }}
), tickets as (
  {% for field in ['status', 'priority', 'group_id', 'assignee_id'] %}
  select id as ticket_id, '{{ field }}' as field_name, cast({{ field }} as {{ dbt.type_string() }}) as value, updated_at
  from {{ ref('zendesk_staging__tickets') }}
  where not is_deleted
  {{ 'union all' if not loop.last }}
  {% endfor %}
)
select tickets.ticket_id, tickets.field_name, tickets.value, history.value as value_in_history
from tickets
inner join history
  on history.ticket_id = tickets.ticket_id and history.field_name = tickets.field_name
  and history.age = 1
where history.updated <= tickets.updated_at
  and tickets.updated_at <= (select max(updated) from {{ ref('zendesk_source__ticket_field_history') }})
  and coalesce(history.value, '') <> coalesce(tickets.value, '')

{{ config(
  materialized='incremental',
  incremental_strategy='delete+insert',
  unique_key=['ticket_id', 'field_name', 'updated']
) }}
{#-
  Child events name what they changed by a key of their own; nobody has the whole list of those.
  Events arrive in the order of time, so a run takes those since the last second it has seen.
-#}
with events as (
  select * from {{ ref('zendesk_staging__ticket_events') }}
  {% if is_incremental() %}
  where created_at >= (select coalesce(max(updated), '1970-01-01') from {{ this }})
  {% endif %}
), children as (
  select events.id, events.ticket_id, events.created_at, events.updater_id, events.loaded_at,
    child.position, child.value as child
  from events
  {{ join_elements('child_events', 'child') }}
  where {{ json_text('child.value', ['event_type']) }} in ('Create', 'Change')
), changes as (
  select children.*, pair.name as field_name, pair.value
  from children
  {{ join_pairs('child', 'pair') }}
  where pair.name not in (
    'id', 'via', 'via_reference_id', 'event_type', 'type', 'previous_value', 'custom_ticket_fields',
    'added_tags', 'removed_tags', 'audit_id', 'author_id', 'created_at', 'comment_present',
    'comment_public', 'metadata'
  )
  union all
  select children.*, pair.name as field_name, pair.value
  from children
  {{ join_pairs(json_value_at('child', 'custom_ticket_fields'), 'pair') }}
), numbered as (
  -- An event can change a field twice, by a trigger: what it leaves is the last.
  select *, row_number() over (
    partition by ticket_id, field_name, created_at order by id desc, position desc
  ) as change_number
  from changes
)
select
{{ shape({
  '_fivetran_synced': 'loaded_at', 'field_name': 'field_name', 'ticket_id': 'ticket_id',
  'updated': 'created_at', 'user_id': 'updater_id', 'value': 'value'
}) }}
from numbered
where change_number = 1

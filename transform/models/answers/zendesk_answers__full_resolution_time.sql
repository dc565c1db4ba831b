with statuses as (
  {{ field_periods('status') }}
), solved as (
  select ticket_id, max(valid_from) as solved_at
  from statuses
  where value = 'solved'
  group by 1
), reopened as (
  select ticket_id, count(*) as reopens
  from statuses
  where previous_value in ('solved', 'closed') and value in ('new', 'open', 'pending', 'hold')
  group by 1
)
select tickets.id as ticket_id, groups.name as group_name, tickets.created_at,
  case when tickets.status in ('solved', 'closed') then solved.solved_at end as solved_at,
  case when tickets.status in ('solved', 'closed')
    then {{ minutes_between('tickets.created_at', 'solved.solved_at') }} end as full_resolution_minutes,
  coalesce(reopened.reopens, 0) as reopens
from {{ ref('zendesk_staging__tickets') }} as tickets
left join solved on solved.ticket_id = tickets.id
left join reopened on reopened.ticket_id = tickets.id
left join {{ ref('zendesk_staging__groups') }} as groups on groups.id = tickets.group_id
where not tickets.is_deleted

with comments as (
  select events.ticket_id, events.updater_id, events.created_at
  from {{ ref('zendesk_staging__ticket_events') }} as events
  {{ join_elements('child_events', 'child') }}
  where {{ json_text('child.value', ['event_type']) }} = 'Comment'
    and {{ json_text('child.value', ['comment_public']) }} = 'true'
), replies as (
  select tickets.id as ticket_id, min(comments.created_at) as first_reply_at
  from {{ ref('zendesk_staging__tickets') }} as tickets
  inner join comments
    on comments.ticket_id = tickets.id and comments.updater_id <> tickets.requester_id
  inner join {{ ref('zendesk_staging__users') }} as users
    on users.id = comments.updater_id and users.role in ('agent', 'admin')
  group by 1
)
select tickets.id as ticket_id, groups.name as group_name, tickets.priority, tickets.created_at,
  replies.first_reply_at,
  {{ minutes_between('tickets.created_at', 'replies.first_reply_at') }} as first_reply_minutes
from {{ ref('zendesk_staging__tickets') }} as tickets
left join replies on replies.ticket_id = tickets.id
left join {{ ref('zendesk_staging__groups') }} as groups on groups.id = tickets.group_id
where not tickets.is_deleted

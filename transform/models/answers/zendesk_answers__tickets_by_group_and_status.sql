select coalesce(groups.name, 'No group') as group_name, tickets.status, count(*) as tickets
from {{ ref('zendesk_staging__tickets') }} as tickets
left join {{ ref('zendesk_staging__groups') }} as groups on groups.id = tickets.group_id
where not tickets.is_deleted
group by 1, 2

select organizations.name, count(*) as tickets,
  count(*) filter (where tickets.status not in ('solved', 'closed')) as unsolved,
  count(*) filter (where tickets.priority = 'urgent') as urgent
from tickets join organizations on organizations.id = tickets.organization_id
where tickets.status <> 'deleted'
group by all order by unsolved desc, tickets desc limit 3

{% set columns = same([
  'id', 'allow_channelback', 'assignee_id', 'brand_id', 'created_at', 'description', 'due_at',
  'external_id', 'forum_topic_id', 'group_id', 'has_incidents', 'is_public', 'organization_id',
  'priority', 'problem_id', 'recipient', 'requester_id', 'status', 'subject', 'submitter_id',
  'ticket_form_id', 'type', 'updated_at', 'url'
]) %}
{% do columns.update({
  'via_channel': json_text('via', ['channel']),
  'via_source_from_address': json_text('via', ['source', 'from', 'address']),
  'via_source_from_title': json_text('via', ['source', 'from', 'title']),
  'via_source_rel': json_text('via', ['source', 'rel']),
  'via_source_to_address': json_text('via', ['source', 'to', 'address']),
  'via_source_to_name': json_text('via', ['source', 'to', 'name'])
}) %}
select
{{ shape(columns) }}
from {{ ref('zendesk_staging__tickets') }}

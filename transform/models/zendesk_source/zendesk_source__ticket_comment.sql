{% set columns = same(['id', 'body', 'public', 'ticket_id']) %}
{% do columns.update({
  'created': 'created_at',
  'user_id': 'author_id',
  'voice_comment': "coalesce(type = 'VoiceComment', false)"
}) %}
select
{{ shape(columns) }}
from {{ ref('zendesk_staging__ticket_comments') }}

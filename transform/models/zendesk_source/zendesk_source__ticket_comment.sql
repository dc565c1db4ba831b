{% set columns = same(['id', 'body', 'public', 'ticket_id']) %}
{% do columns.update({
  'created': 'created_at',
  'user_id': 'author_id',
  'location': json_text('data', ['location']),
  'recording_url': json_text('data', ['recording_url']),
  'transcription_text': json_text('data', ['transcription_text']),
  'voice_comment': "coalesce(type = 'VoiceComment', false)",
  'voice_comment_transcription_visible': 'transcription_visible'
}) %}
select
{{ shape(columns) }}
from {{ ref('zendesk_staging__ticket_comments') }}

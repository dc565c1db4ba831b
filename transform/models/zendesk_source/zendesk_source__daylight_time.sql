select
{{ shape({
  'time_zone': 'time_zone', 'year': adapter.quote('year'), 'daylight_start_utc': 'daylight_start_utc',
  'daylight_end_utc': 'daylight_end_utc', 'daylight_offset': 'daylight_offset'
}) }}
from {{ ref('zendesk_daylight_times') }}

select
{{ shape({'time_zone': 'time_zone', 'standard_offset': 'standard_offset'}) }}
from {{ ref('zendesk_time_zones') }}

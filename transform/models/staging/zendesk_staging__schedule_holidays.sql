{{ stage('schedule_holidays') }}

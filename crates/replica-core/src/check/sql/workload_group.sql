-- The group of Resource Governor that this session is in.
SELECT g.name AS group_name,
       g.group_max_requests AS most_requests,
       g.request_max_cpu_time_sec AS most_cpu_seconds
FROM sys.dm_exec_sessions AS s
JOIN sys.dm_resource_governor_workload_groups AS g ON g.group_id = s.group_id
WHERE s.session_id = @@SPID

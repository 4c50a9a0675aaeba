-- Jobs of SQL Server Agent that keep up indexes, check or back up, with the time of their next run as hhmmss.
SELECT DISTINCT j.name AS job_name,
       js.next_run_time AS next_run_time
FROM msdb.dbo.sysjobs AS j
JOIN msdb.dbo.sysjobschedules AS js ON js.job_id = j.job_id
JOIN msdb.dbo.sysjobsteps AS s ON s.job_id = j.job_id
WHERE j.enabled = 1 AND js.next_run_date > 0
  AND (s.command LIKE N'%REBUILD%' OR s.command LIKE N'%REORGANIZE%' OR s.command LIKE N'%CHECKDB%'
       OR s.command LIKE N'%BACKUP DATABASE%' OR s.command LIKE N'%IndexOptimize%' OR s.command LIKE N'%DatabaseBackup%'
       OR s.command LIKE N'%DatabaseIntegrityCheck%')

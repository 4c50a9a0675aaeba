-- The partition schemes, with the type that each is for.
SELECT ps.name AS scheme_name,
       t.name AS type_name
FROM sys.partition_schemes AS ps
JOIN sys.partition_parameters AS p ON p.function_id = ps.function_id
JOIN sys.types AS t ON t.user_type_id = p.system_type_id

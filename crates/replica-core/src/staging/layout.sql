-- Where the rows of a partitioned table lie: its boundaries, as days where they are dates.
SELECT ic.column_id AS column_id,
       pf.boundary_value_on_right AS on_right,
       prv.boundary_id AS boundary_id,
       CASE WHEN TYPE_NAME(pp.system_type_id) IN ('int', 'bigint') THEN CONVERT(varchar(40), CONVERT(bigint, prv.value))
            WHEN TYPE_NAME(pp.system_type_id) IN ('date', 'datetime', 'datetime2', 'smalldatetime')
            THEN CONVERT(varchar(40), CONVERT(datetime2(7), prv.value), 126) END AS boundary
FROM sys.indexes AS i
JOIN sys.partition_schemes AS ps ON ps.data_space_id = i.data_space_id
JOIN sys.partition_functions AS pf ON pf.function_id = ps.function_id
JOIN sys.partition_parameters AS pp ON pp.function_id = pf.function_id
JOIN sys.index_columns AS ic ON ic.object_id = i.object_id AND ic.index_id = i.index_id AND ic.partition_ordinal = 1
LEFT JOIN sys.partition_range_values AS prv ON prv.function_id = pf.function_id
WHERE i.object_id = OBJECT_ID(@P1) AND i.index_id IN (0, 1)

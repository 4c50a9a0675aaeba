-- All columns, and not those that are wanted: older versions lack some, and to name one would be an error (207) there.
-- is_filetable is of 2012, is_external of 2016, is_node and is_edge of 2017, ledger_type of 2022.
SELECT t.*
FROM sys.tables AS t
WHERE t.object_id IN ({tables})

"""Has SMO script every table, and DacFx say whether the scripts make the same database: schemas.py PORT DATABASE...

SMO (what SSMS scripts with) reads each database and scripts its tables with all that belongs to them. The sandbox runs the
scripts on an empty database. DacFx (sqlpackage) extracts both, and its schema comparison must find no difference. What
each asks of a server is part of the judgement: all of it has to be answered."""
import sys
import tempfile

import dotnet

dotnet.load(
    "Microsoft.SqlServer.ConnectionInfo", "Microsoft.SqlServer.Management.Sdk.Sfc", "Microsoft.SqlServer.Smo",
    "Microsoft.SqlServer.Dac", "Microsoft.SqlServer.Dac.Extensions", "System.Data.SqlClient",
)
import clr  # noqa: E402  after the runtime is started
import Microsoft.SqlServer.Dac as Dac  # noqa: E402
import Microsoft.SqlServer.Dac.Compare as Compare  # noqa: E402
import Microsoft.SqlServer.Management.Common as Common  # noqa: E402
import Microsoft.SqlServer.Management.Smo as Smo  # noqa: E402
import System  # noqa: E402
import System.Data.SqlClient as SqlClient  # noqa: E402

USER, PASSWORD = "sa", "Replica-Sandbox-1"
# Of the newest server that these libraries know.
KNOWN = Common.ServerVersion(15, 0, 4000)


def text(port, database):
    return f"Server=127.0.0.1,{port};Database={database};User ID={USER};Password={PASSWORD};Encrypt=false;Application Name=schemas"


def run(port, database, batches):
    with SqlClient.SqlConnection(text(port, database)) as connection:
        connection.Open()
        for batch in batches:
            command = connection.CreateCommand()
            command.CommandText = batch
            try:
                command.ExecuteNonQuery()
            except SqlClient.SqlException as error:
                sys.exit(f"judge: the sandbox refuses what SMO has scripted: {error.Message}\n{batch}")


def own(objects):
    return [object_ for object_ in objects if not object_.IsSystemObject]


def scripted(port, name):
    """The scripts that make the database's schemas, tables and views, in an order that works; the number of tables."""
    connection = Common.ServerConnection(f"127.0.0.1,{port}", USER, PASSWORD)
    connection.ServerVersion = KNOWN
    database = Smo.Server(connection).Databases[name]
    options = Smo.ScriptingOptions()
    options.DriPrimaryKey = options.DriUniqueKeys = options.DriChecks = options.DriDefaults = options.Indexes = options.Triggers = True
    # All tables at once, or every property of each is a question.
    database.PrefetchObjects(clr.GetClrType(Smo.Table), options)
    tables = own(database.Tables)
    objects = [*own(database.Schemas), *database.PartitionFunctions, *database.PartitionSchemes]
    batches = [batch for object_ in objects for batch in object_.Script()]
    batches += [batch for table in tables for batch in table.Script(options)]
    batches += [batch for table in tables for key in table.ForeignKeys for batch in key.Script()]
    batches += [batch for view in own(database.Views) for batch in view.Script()]
    return batches, len(tables)


def extracted(port, database, folder):
    package = f"{folder}/{database}.dacpac"
    Dac.DacServices(text(port, database)).Extract(package, database, database, System.Version(1, 0, 0, 0))
    return Compare.SchemaCompareDacpacEndpoint(package)


def differences(source, target):
    result = Compare.SchemaComparison(source, target).Compare()
    if not result.IsValid:
        sys.exit("judge: DacFx does not compare: " + "; ".join(error.Message for error in result.GetErrors()))
    for found in result.Differences:
        object_ = found.SourceObject or found.TargetObject
        yield f"{found.UpdateAction} {object_.Name}"


def main():
    port, *databases = sys.argv[1:]
    faults, count, packages = [], 0, []
    with tempfile.TemporaryDirectory() as folder:
        for database in databases:
            batches, tables = scripted(port, database)
            count += tables
            run(port, "master", [f"CREATE DATABASE {database}_scripted"])
            run(port, f"{database}_scripted", batches)
            packages.append(extracted(port, database, folder))
            again = extracted(port, f"{database}_scripted", folder)
            faults += [f"judge: {database} scripted by SMO is not the same: {d}" for d in differences(packages[-1], again)]
        # It has to see something, or it judges nothing.
        if not list(differences(*packages[:2])):
            faults.append(f"judge: DacFx sees no difference between {databases[0]} and {databases[1]}")
    if faults:
        sys.exit("\n".join(faults))
    print(f"judge: {count} tables scripted by SMO are the same tables to DacFx, which extracts and compares them")


main()

CREATE TABLE dbo.airlines (
    carrier char(2) NOT NULL,
    name nvarchar(60) NOT NULL,
    CONSTRAINT PK_airlines PRIMARY KEY CLUSTERED (carrier)
);

CREATE TABLE dbo.airports (
    faa char(3) NOT NULL,
    name nvarchar(80) NOT NULL,
    lat float NOT NULL,
    lon float NOT NULL,
    alt smallint NOT NULL,
    tz smallint NOT NULL,
    dst char(1) NOT NULL,
    tzone varchar(40) NULL,
    CONSTRAINT PK_airports PRIMARY KEY CLUSTERED (faa)
);

CREATE TABLE dbo.planes (
    tailnum varchar(6) NOT NULL,
    year smallint NULL,
    type varchar(30) NOT NULL,
    manufacturer varchar(40) NOT NULL,
    model varchar(30) NOT NULL,
    engines tinyint NOT NULL,
    seats smallint NOT NULL,
    speed smallint NULL,
    engine varchar(20) NOT NULL,
    CONSTRAINT PK_planes PRIMARY KEY CLUSTERED (tailnum)
);

CREATE TABLE dbo.weather (
    origin char(3) NOT NULL,
    year smallint NOT NULL,
    month tinyint NOT NULL,
    day tinyint NOT NULL,
    hour tinyint NOT NULL,
    temp decimal(5,2) NULL,
    dewp decimal(5,2) NULL,
    humid decimal(5,2) NULL,
    wind_dir smallint NULL,
    wind_speed float NULL,
    wind_gust float NULL,
    precip decimal(4,2) NOT NULL,
    pressure decimal(5,1) NULL,
    visib decimal(4,2) NOT NULL,
    time_hour datetime2(0) NOT NULL,
    CONSTRAINT PK_weather PRIMARY KEY CLUSTERED (origin, time_hour)
);

CREATE TABLE dbo.flights (
    flight_id int IDENTITY(1, 1) NOT NULL,
    flight_date date NOT NULL,
    year smallint NOT NULL,
    month tinyint NOT NULL,
    day tinyint NOT NULL,
    dep_time smallint NULL,
    sched_dep_time smallint NOT NULL,
    dep_delay smallint NULL,
    arr_time smallint NULL,
    sched_arr_time smallint NOT NULL,
    arr_delay smallint NULL,
    carrier char(2) NOT NULL,
    flight smallint NOT NULL,
    tailnum varchar(6) NULL,
    origin char(3) NOT NULL,
    dest char(3) NOT NULL,
    air_time smallint NULL,
    distance smallint NOT NULL,
    hour tinyint NOT NULL,
    minute tinyint NOT NULL,
    time_hour datetimeoffset(0) NOT NULL,
    CONSTRAINT PK_flights PRIMARY KEY CLUSTERED (flight_date, flight_id)
);

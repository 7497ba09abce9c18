# The image of every Airflow component in docker-compose.yml; the target sandbox is the simulated province's.
FROM python:3.11-slim-bookworm AS bus

ENV AIRFLOW_HOME=/opt/airflow \
    PIP_NO_CACHE_DIR=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1

RUN useradd --uid 50000 --gid 0 --home-dir "$AIRFLOW_HOME" --create-home airflow
WORKDIR /opt/lienthong

COPY requirements/production.lock requirements/production.lock
RUN pip install --require-hashes -r requirements/production.lock

COPY pyproject.toml README.md LICENSE NOTICE ./
COPY core core
COPY connectors connectors
COPY schemas schemas
COPY plugins plugins
RUN pip install --no-deps --no-build-isolation .

COPY --chown=airflow:0 dags /opt/airflow/dags
USER airflow
WORKDIR /opt/airflow
ENTRYPOINT ["airflow"]

FROM bus AS sandbox
USER root
WORKDIR /opt/lienthong
COPY requirements/run.lock requirements/run.lock
RUN pip install --require-hashes -r requirements/run.lock
COPY sandbox sandbox
RUN pip install --no-deps --no-build-isolation --force-reinstall .
USER airflow
WORKDIR /opt/airflow

FROM bus

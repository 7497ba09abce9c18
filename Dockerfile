# The image of every Airflow component in docker-compose.yml.
FROM python:3.11-slim-bookworm

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
COPY sandbox sandbox
RUN pip install --no-deps --no-build-isolation .

COPY --chown=airflow:0 dags /opt/airflow/dags
USER airflow
WORKDIR /opt/airflow
ENTRYPOINT ["airflow"]

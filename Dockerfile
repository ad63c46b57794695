# One image for every role: `migrate`, `serve`, `worker`. The embedded PostgreSQL stays out of it.
FROM python:3.13-slim AS build
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY app app
COPY sql sql
COPY alembic alembic
COPY clients/js/src clients/js/src
RUN python -m venv /opt/jobstream \
    && /opt/jobstream/bin/pip install --no-cache-dir -c constraints.txt .

FROM python:3.13-slim
RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin jobstream
COPY --from=build /opt/jobstream /opt/jobstream
COPY examples /srv/examples
ENV PATH=/opt/jobstream/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /srv
# By number: an orchestrator that wants nobody to be root cannot look up names.
USER 10001:10001
EXPOSE 8000
ENTRYPOINT ["jobstream"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000"]

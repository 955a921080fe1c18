# A toolbox with pinned, hashed dependencies:
#
#   docker build -t codecstudy .
#   docker run --rm -v "$PWD:/studies" -v codecstudy-kernels:/home/user/.cache codecstudy run format-comparison --images photos
#
# The second volume keeps the compiled metric kernels. The image's user has the id 1000; where yours is another one,
# build with --build-arg UID=$(id -u), so that results can be written to the first volume.
#
# This file has not been built yet: it was written where there is no Docker.
FROM python:3.11-slim AS build
WORKDIR /source
RUN python -m venv /opt/codecstudy
COPY requirements.txt .
RUN /opt/codecstudy/bin/pip install --no-cache-dir --require-hashes -r requirements.txt
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN /opt/codecstudy/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.11-slim
ARG UID=1000
RUN useradd --create-home --uid "$UID" user && mkdir -p /home/user/.cache /studies && chown user:user /home/user/.cache /studies
COPY --from=build /opt/codecstudy /opt/codecstudy
ENV PATH="/opt/codecstudy/bin:$PATH"
USER user
WORKDIR /studies
ENTRYPOINT ["codecstudy"]
CMD ["--help"]

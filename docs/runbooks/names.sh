# Reads the names of an environment's resources into this shell, which has to be bash: `source docs/runbooks/names.sh prod`.
# Every runbook's commands use them. Needs the AWS command line and credentials that may read.
export ENV="${1:?an environment, such as prod}"

while read -r name value; do
  if [ -n "$value" ]; then export "$name=$value"; fi
done < <(aws ssm get-parameter --name "/rawmill/$ENV/names" --query Parameter.Value --output text)

# Runs a command of the service in a task of its own, inside the VPC, and prints what it said:
# `maintenance manage dead_letters list`.
maintenance() {
  local words task
  words=$(printf '"%s",' "$@")
  task=$(
    aws ecs run-task --cluster "$WorkerCluster" --task-definition "$MaintenanceTask" --launch-type FARGATE \
      --network-configuration "awsvpcConfiguration={subnets=[$WorkerSubnets],securityGroups=[$WorkerSecurityGroup],assignPublicIp=DISABLED}" \
      --overrides "{\"containerOverrides\":[{\"name\":\"$MaintenanceContainer\",\"command\":[${words%,}]}]}" \
      --query 'tasks[0].taskArn' --output text
  ) || return
  aws ecs wait tasks-stopped --cluster "$WorkerCluster" --tasks "$task"
  aws logs tail "$MaintenanceLog" --since 1h --format short \
    --log-stream-names "$MaintenanceContainer/$MaintenanceContainer/${task##*/}"
}

# Makes an API key of a tenant and prints its token: `api_key acme laptop`. The token is made in this shell; only its digest
# goes to the service, so that it is in no log.
api_key() {
  local prefix secret digest
  prefix=$(head -c 512 /dev/urandom | LC_ALL=C tr -dc 'a-z2-7' | head -c 12)
  secret=$(head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=\n')
  digest=$(printf %s "$secret" | openssl dgst -sha256 -r | cut -d ' ' -f 1)
  maintenance manage api_keys register "${1:?a tenant}" --name "${2:?what the key is for}" \
    --prefix "$prefix" --sha256 "$digest" >&2 &&
    printf 'rawmill_%s_%s\n' "$prefix" "$secret"
}

# Asks the platform whether it and all that it depends on answer; prints what it said, and the status last. Through the load
# balancer only somebody with a key may ask: `export RAWMILL_API_KEY=…` first, of any tenant.
health() {
  local key="${RAWMILL_API_KEY:?an API key of any tenant is needed; without one the answer is 404}"
  # Over standard input, for everybody on the machine can read a command line.
  printf 'Authorization: Bearer %s\n' "$key" | curl -sS -w '\n%{http_code}\n' -H @- "$Url/health/deep/"
}

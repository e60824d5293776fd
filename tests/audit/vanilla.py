"""A web application as CDK's own constructs make it, by somebody who has never heard of this project."""

from pathlib import Path

from stacks.node import use_locked_node


def write_vanilla(folder: Path) -> Path:
    """The cloud assembly of a load balancer, Fargate tasks, a function and a database in CDK's default VPC."""
    use_locked_node()
    import aws_cdk as cdk
    from aws_cdk import aws_ec2 as ec2
    from aws_cdk import aws_ecs as ecs
    from aws_cdk import aws_elasticloadbalancingv2 as elb
    from aws_cdk import aws_lambda as functions
    from aws_cdk import aws_rds as rds

    app = cdk.App(outdir=str(folder), analytics_reporting=False)
    network = cdk.Stack(app, "Shared")
    vpc = ec2.Vpc(
        network,
        "Vpc",
        max_azs=2,
        nat_gateways=1,
        subnet_configuration=[
            ec2.SubnetConfiguration(name="front", subnet_type=ec2.SubnetType.PUBLIC, cidr_mask=24),
            ec2.SubnetConfiguration(name="middle", subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS, cidr_mask=24),
            ec2.SubnetConfiguration(name="back", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED, cidr_mask=24),
        ],
    )
    vpc.add_gateway_endpoint("S3", service=ec2.GatewayVpcEndpointAwsService.S3)
    vpc.add_interface_endpoint("Secrets", service=ec2.InterfaceVpcEndpointAwsService.SECRETS_MANAGER)
    shop = cdk.Stack(app, "Shop")
    task = ecs.FargateTaskDefinition(shop, "Task")
    task.add_container(
        "web", image=ecs.ContainerImage.from_registry("nginx"), port_mappings=[ecs.PortMapping(container_port=8080)]
    )
    service = ecs.FargateService(shop, "Service", cluster=ecs.Cluster(shop, "Cluster", vpc=vpc), task_definition=task)
    balancer = elb.ApplicationLoadBalancer(shop, "Balancer", vpc=vpc, internet_facing=True)
    balancer.add_listener("Http", port=80).add_targets("Tasks", port=8080, targets=[service])
    database = rds.DatabaseInstance(
        shop,
        "Database",
        engine=rds.DatabaseInstanceEngine.mysql(version=rds.MysqlEngineVersion.VER_8_0),
        vpc=vpc,
        vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED),
    )
    report = functions.Function(
        shop,
        "Report",
        runtime=functions.Runtime.PYTHON_3_13,
        handler="index.handler",
        code=functions.Code.from_inline("def handler(event, context): pass"),
        vpc=vpc,
    )
    for client in (service, report):
        database.connections.allow_default_port_from(client)
    ec2.BastionHostLinux(
        shop, "Bastion", vpc=vpc, subnet_selection=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PUBLIC)
    )
    app.synth()
    return folder

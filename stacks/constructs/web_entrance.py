"""The platform's public entrance: load balancer, listeners, and with a domain its certificate and DNS record."""

from collections.abc import Iterator, Sequence

from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_elasticloadbalancingv2 as elb
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_s3 as s3
from constructs import Construct

from stacks.acknowledgements import Acknowledgement
from stacks.constructs.buckets import LOAD_BALANCER_PREFIX
from stacks.constructs.naming import name_tag
from stacks.settings import Settings
from stacks.traffic import FLOWS, Party, listening_port

# TLS 1.3 and 1.2 with forward secrecy and authenticated encryption, key exchange that a quantum computer does not undo.
_TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09"

_HTTP, _HTTPS = sorted(flow.port for flow in FLOWS if flow.target is Party.LOAD_BALANCER)


class WebEntrance(Construct):
    """An Application Load Balancer in the public subnets, and the group of tasks behind it.

    Attributes:
        url: origin of the platform as browsers see it.
        host: the name in it.
        listener: through which tasks are reached: a service cannot be made before it.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        vpc_id: str,
        subnet_ids: Sequence[str],
        security_group_id: str,
        logs: s3.IBucket,
    ) -> None:
        super().__init__(scope, construct_id)
        self._settings = settings
        self.load_balancer = elb.CfnLoadBalancer(
            self,
            "LoadBalancer",
            type="application",
            scheme="internet-facing",
            ip_address_type="ipv4",
            subnets=list(subnet_ids),
            security_groups=[security_group_id],
            load_balancer_attributes=_attributes(settings, logs),
            tags=name_tag(settings, "web"),
        )
        self.target_group = _target_group(self, settings, vpc_id)
        domain = settings.web.domain
        self.host = domain or self.load_balancer.attr_dns_name
        self.url = f"https://{domain}" if domain else f"http://{self.host}"
        self._http = self._listen_for_http(self._redirect() if domain else self._forward())
        self.listener = self._listen_for_https(domain) if domain else self._http

    def acknowledgements(self) -> Iterator[Acknowledgement]:
        """Findings about environments that are meant to go, or that have no domain, and about the redirect."""
        if not self._settings.termination_protection:
            for pack in ("NIST.800.53.R5", "HIPAA.Security"):
                yield Acknowledgement(
                    resource=self.load_balancer,
                    rule=f"{pack}-ELBDeletionProtectionEnabled",
                    reason="ACCEPTED: the environment is meant to be destroyed: termination_protection = false",
                )
        for pack in ("NIST.800.53.R5", "HIPAA.Security", "PCI.DSS.321"):
            redirect = "the listener only redirects to the one that has a certificate"
            plain = "the environment serves plain HTTP, and says so: web.domain is not set, as it must be in prod"
            yield Acknowledgement(
                resource=self._http,
                rule=f"{pack}-ELBv2ACMCertificateRequired",
                reason=f"ACCEPTED: {redirect if self._settings.web.domain else plain}",
            )
            if not self._settings.web.domain:
                yield Acknowledgement(
                    resource=self._http, rule=f"{pack}-ALBHttpToHttpsRedirection", reason=f"ACCEPTED: {plain}"
                )

    def _listen_for_https(self, domain: str) -> elb.CfnListener:
        zone_id = self._settings.web.hosted_zone_id
        certificate = acm.CfnCertificate(
            self,
            "Certificate",
            domain_name=domain,
            validation_method="DNS",
            # CloudFormation writes the proof into the zone by itself, and ACM renews for as long as it stands there.
            domain_validation_options=[
                acm.CfnCertificate.DomainValidationOptionProperty(domain_name=domain, hosted_zone_id=zone_id)
            ],
            tags=name_tag(self._settings, "web"),
        )
        listener = elb.CfnListener(
            self,
            "Https",
            load_balancer_arn=self.load_balancer.ref,
            port=_HTTPS,
            protocol="HTTPS",
            ssl_policy=_TLS_POLICY,
            certificates=[elb.CfnListener.CertificateProperty(certificate_arn=certificate.ref)],
            default_actions=[self._forward()],
        )
        route53.CfnRecordSet(
            self,
            "Address",
            hosted_zone_id=zone_id,
            name=domain,
            type="A",
            alias_target=route53.CfnRecordSet.AliasTargetProperty(
                dns_name=self.load_balancer.attr_dns_name,
                hosted_zone_id=self.load_balancer.attr_canonical_hosted_zone_id,
                evaluate_target_health=True,
            ),
        )
        return listener

    def _listen_for_http(self, action: elb.CfnListener.ActionProperty) -> elb.CfnListener:
        return elb.CfnListener(
            self,
            "Http",
            load_balancer_arn=self.load_balancer.ref,
            port=_HTTP,
            protocol="HTTP",
            default_actions=[action],
        )

    def _forward(self) -> elb.CfnListener.ActionProperty:
        return elb.CfnListener.ActionProperty(type="forward", target_group_arn=self.target_group.ref)

    @staticmethod
    def _redirect() -> elb.CfnListener.ActionProperty:
        return elb.CfnListener.ActionProperty(
            type="redirect",
            redirect_config=elb.CfnListener.RedirectConfigProperty(
                protocol="HTTPS", port=str(_HTTPS), status_code="HTTP_301"
            ),
        )


def _attributes(settings: Settings, logs: s3.IBucket) -> list[elb.CfnLoadBalancer.LoadBalancerAttributeProperty]:
    attributes = {
        "access_logs.s3.enabled": "true",
        "access_logs.s3.bucket": logs.bucket_name,
        "access_logs.s3.prefix": LOAD_BALANCER_PREFIX,
        "deletion_protection.enabled": str(settings.termination_protection).lower(),
        "routing.http.drop_invalid_header_fields.enabled": "true",
        # What two servers could read as different requests is turned away.
        "routing.http.desync_mitigation_mode": "defensive",
        "idle_timeout.timeout_seconds": "60",
        "routing.http2.enabled": "true",
        # A zone that misbehaves without being down can be taken out of DNS by hand or by AWS.
        "zonal_shift.config.enabled": "true",
    }
    return [
        elb.CfnLoadBalancer.LoadBalancerAttributeProperty(key=key, value=value)
        for key, value in sorted(attributes.items())
    ]


def _target_group(scope: Construct, settings: Settings, vpc_id: str) -> elb.CfnTargetGroup:
    attributes = {
        # Requests take milliseconds; what still runs after this is a stream of events, whose client asks again.
        "deregistration_delay.timeout_seconds": "30",
        "load_balancing.algorithm.type": "least_outstanding_requests",
        "stickiness.enabled": "false",
    }
    return elb.CfnTargetGroup(
        scope,
        "Tasks",
        vpc_id=vpc_id,
        # The task's own address and port: under awsvpc it is not the instance's.
        target_type="ip",
        protocol="HTTP",
        protocol_version="HTTP1",
        port=listening_port(Party.WEB),
        health_check_enabled=True,
        health_check_protocol="HTTP",
        health_check_path="/health/",
        health_check_interval_seconds=30,
        health_check_timeout_seconds=5,
        healthy_threshold_count=2,
        unhealthy_threshold_count=3,
        matcher=elb.CfnTargetGroup.MatcherProperty(http_code="200"),
        target_group_attributes=[
            elb.CfnTargetGroup.TargetGroupAttributeProperty(key=key, value=value)
            for key, value in sorted(attributes.items())
        ],
        tags=name_tag(settings, "web"),
    )

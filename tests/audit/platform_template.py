"""A small template with one of everything that the bill of a month is made of."""

from typing import Any


def resources() -> dict[str, Any]:
    """Two zones, web and workers on instances, burst workers on Fargate, files, a queue and a database."""
    return {
        "Nat": {"Type": "AWS::EC2::NatGateway", "Properties": {"AllocationId": {"Fn::GetAtt": ["Ip", "AllocationId"]}}},
        "Ip": {"Type": "AWS::EC2::EIP", "Properties": {"Domain": "vpc"}},
        "S3Endpoint": {
            "Type": "AWS::EC2::VPCEndpoint",
            "Properties": {"VpcEndpointType": "Gateway", "ServiceName": "com.amazonaws.eu-west-1.s3"},
        },
        "SqsEndpoint": {
            "Type": "AWS::EC2::VPCEndpoint",
            "Properties": {
                "VpcEndpointType": "Interface",
                "ServiceName": "com.amazonaws.eu-west-1.sqs",
                "SubnetIds": ["subnet-a", "subnet-b"],
            },
        },
        "Database": {
            "Type": "AWS::RDS::DBInstance",
            "Properties": {
                "Engine": "postgres",
                "DBInstanceClass": "db.m7g.large",
                "AllocatedStorage": "100",
                "StorageType": "gp3",
                "MultiAZ": True,
            },
        },
        "Template": {
            "Type": "AWS::EC2::LaunchTemplate",
            "Properties": {
                "LaunchTemplateData": {
                    "InstanceType": "c7i.2xlarge",
                    "BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 40}}],
                }
            },
        },
        "Group": {
            "Type": "AWS::AutoScaling::AutoScalingGroup",
            "Properties": {
                "MinSize": "1",
                "MaxSize": "3",
                "LaunchTemplate": {"LaunchTemplateId": {"Ref": "Template"}, "Version": "1"},
            },
        },
        "Provider": {
            "Type": "AWS::ECS::CapacityProvider",
            "Properties": {"AutoScalingGroupProvider": {"AutoScalingGroupArn": {"Ref": "Group"}}},
        },
        "Task": {"Type": "AWS::ECS::TaskDefinition", "Properties": {"Cpu": "8192", "Memory": "15144"}},
        "Service": {
            "Type": "AWS::ECS::Service",
            "Properties": {
                "TaskDefinition": {"Ref": "Task"},
                "CapacityProviderStrategy": [{"CapacityProvider": {"Ref": "Provider"}, "Weight": 1}],
            },
        },
        "BurstTask": {
            "Type": "AWS::ECS::TaskDefinition",
            "Properties": {"Cpu": "4096", "Memory": "8192", "EphemeralStorage": {"SizeInGiB": 25}},
        },
        "Burst": {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "MemorySize": 256,
                "Architectures": ["arm64"],
                "Environment": {"Variables": {"TASK_DEFINITION": {"Ref": "BurstTask"}, "MAX_TASKS": "10"}},
            },
        },
        "Queue": {
            "Type": "AWS::SQS::Queue",
            "Properties": {"RedrivePolicy": {"maxReceiveCount": 3}, "ReceiveMessageWaitTimeSeconds": 20},
        },
        "Vault": {
            "Type": "AWS::S3::Bucket",
            "Properties": {
                "LifecycleConfiguration": {
                    "Rules": [
                        {
                            "Status": "Enabled",
                            "Transitions": [{"StorageClass": "GLACIER_IR", "TransitionInDays": 73}],
                        }
                    ]
                }
            },
        },
        "Results": {
            "Type": "AWS::S3::Bucket",
            "Properties": {
                "LifecycleConfiguration": {
                    "Rules": [
                        {"Status": "Enabled", "ExpirationInDays": 73},
                        {"Status": "Enabled", "NoncurrentVersionExpiration": {"NoncurrentDays": 36.5}},
                        {"Status": "Disabled", "ExpirationInDays": 1},
                    ]
                }
            },
        },
    }


def template(**changed: Any) -> dict[str, Any]:
    """The template; a resource given as None is left out, any other is put in."""
    made = resources() | changed
    return {"Resources": {name: resource for name, resource in made.items() if resource is not None}}

"""Federated averaging with Flower: clients encrypt and train, the server averages weights.

Run: python examples/flower_loopback.py

A client gets the mean weights, takes some steps on encryptions of its own images, drawn afresh,
and returns its weights: no image and no encryption leaves it. docs/distributed.md has the
commands for several machines, and says what weights tell nevertheless.
"""

from argparse import Namespace
from itertools import chain, islice

import torch
from flwr.app import ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAvg
from parties import CLASSES, Party, join, report

from instahide.training.loop import epoch_batches, training_step
from instahide.training.networks import laptop_network

client = ClientApp()
server = ServerApp()


def train_round(network: torch.nn.Module, party: Party, number: int, rounds: int) -> None:
    """Take a round's share of the steps on this party's encryptions, at the rate of then."""
    schedule = party.schedule
    steps = schedule.epochs * (len(party.images) // schedule.batch)
    first, last = steps * (number - 1) // rounds, steps * number // rounds
    batches = chain.from_iterable(
        epoch_batches(party.images, party.labels, schedule, epoch)
        for epoch in range(schedule.epochs)
    )
    optimizer = torch.optim.SGD(network.parameters(), momentum=schedule.momentum, nesterov=True,
                                weight_decay=schedule.decay)  # fmt: skip
    network.train()
    for step, batch in islice(enumerate(batches), first, last):
        for group in optimizer.param_groups:
            group["lr"] = schedule.rate_at((step + 0.5) / steps)
        training_step(network, optimizer, *party.mix(*batch), schedule.bfloat16)


@client.train()
def answer(message: Message, context: Context) -> Message:
    """Train from the weights of the message, and reply with new ones."""
    torch.set_num_threads(1)
    options = Namespace(**{**context.run_config, **context.node_config})
    party = join(options, getattr(options, "partition-id"), getattr(options, "num-partitions"))
    network = laptop_network(CLASSES)
    network.load_state_dict(message.content["arrays"].to_torch_state_dict())
    train_round(network, party, message.content["config"]["server-round"], options.rounds)
    count = MetricRecord({"num-examples": len(party.images)})
    weights = ArrayRecord(network.state_dict())
    return Message(RecordDict({"arrays": weights, "metrics": count}), reply_to=message)


@server.main()
def serve(grid: Grid, context: Context) -> None:
    """Average the clients' weights, round by round, and report how often they are right."""
    options = Namespace(**context.run_config)
    torch.manual_seed(options.seed)
    network, parties = laptop_network(CLASSES), getattr(options, "num-partitions")
    strategy = FedAvg(fraction_evaluate=0, min_train_nodes=parties, min_available_nodes=parties)
    first = ArrayRecord(network.state_dict())
    result = strategy.start(grid, first, num_rounds=options.rounds)
    network.load_state_dict(result.arrays.to_torch_state_dict())
    report(network, options)

"""ranks: the processes that train one model together, as torchrun starts them; one by itself where it did not.

Plain DistributedDataParallel: the model fits any device that it is worth training on, so nothing of it is split.
"""

from __future__ import annotations

import atexit
import os
from dataclasses import dataclass
from typing import Any

import torch
from torch import distributed


@dataclass(frozen=True)
class Ranks:
    """Which of the processes this one is."""

    rank: int
    world: int
    device: str
    """`cuda` is this process's own GPU."""

    @classmethod
    def join(cls) -> Ranks:
        """Meets the other processes that torchrun started (it says so in the environment)."""
        device = "cuda" if torch.cuda.is_available() else "cpu"
        world = int(os.environ.get("WORLD_SIZE", 1))
        if world == 1:
            return cls(0, 1, device)
        if device == "cuda":
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        if not distributed.is_initialized():  # once a process: a group that was left cannot be met again
            distributed.init_process_group("nccl" if device == "cuda" else "gloo", store=meeting_place(), rank=int(os.environ["RANK"]), world_size=world)  # fmt: skip
            atexit.register(distributed.destroy_process_group)
        return cls(distributed.get_rank(), world, device)

    @property
    def first(self) -> bool:
        """The one that writes and prints."""
        return self.rank == 0

    def wrap(self, model: Any) -> Any:
        """The model with gradients averaged over the ranks, beginning from the weights of the first."""
        if self.world == 1:
            return model
        own = [torch.cuda.current_device()] if self.device == "cuda" else None
        return torch.nn.parallel.DistributedDataParallel(model, device_ids=own)

    def share(self, loss: torch.Tensor, n_said: int, n_clips: int) -> tuple[torch.Tensor, float, int]:
        """A loss whose gradients average to those of one large batch; its mean over all ranks; the clips of all.

        Args:
            loss: mean over the `n_said` tokens of this rank, whose sentences are longer or shorter than another's.
        """
        if self.world == 1:
            return loss, loss.item(), n_clips
        totals = torch.tensor(
            [loss.item() * n_said, n_said, n_clips], dtype=torch.float64, device=self.device
        )
        distributed.all_reduce(totals)
        weighted, said, clips = totals.tolist()
        return loss * (n_said * self.world / said), weighted / said, round(clips)

    def wait(self) -> None:
        """Until every rank is here."""
        if self.world > 1:
            distributed.barrier()


def meeting_place() -> distributed.Store:
    """Where ranks learn each other's addresses, anew after each restart.

    torchrun 2.13 keeps one store across restarts, and a rank may find in it the address of one that was killed
    (pytorch/pytorch#167288). Restarts are counted by machine, so that on several ones the number cannot tell them apart:
    there torchrun is told not to share its store (docs/scale.md).
    """
    host, port, world = (
        os.environ["MASTER_ADDR"],
        int(os.environ["MASTER_PORT"]),
        int(os.environ["WORLD_SIZE"]),
    )
    shared = os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
    store = distributed.TCPStore(
        host, port, world, is_master=not shared and os.environ["RANK"] == "0", multi_tenant=not shared
    )
    one_machine = os.environ.get("GROUP_WORLD_SIZE") == "1"
    return (
        distributed.PrefixStore(os.environ["TORCHELASTIC_RESTART_COUNT"], store)
        if shared and one_machine
        else store
    )

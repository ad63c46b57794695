from django.db import connection, transaction
from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from examples.django_shop.jobs import client, confirm
from examples.django_shop.models import Order


@csrf_exempt
@require_POST
def place(request: HttpRequest) -> JsonResponse:
    """The order and its job commit together, or neither is there."""
    with transaction.atomic():
        order = Order.objects.create(email=request.POST["email"])
        job = client().enqueue(confirm, order.pk, connection=connection, labels={"order": str(order.pk)})
        if request.POST.get("card") == "stolen":
            raise PermissionError("this card is refused")
    return JsonResponse({"order": order.pk, "job": job.id}, status=202)


@require_GET
def state(_: HttpRequest, job: str) -> JsonResponse:
    """How far the job is."""
    found = client().get(job)
    return JsonResponse({"status": found.status, "progress": found.lifecycle.progress})

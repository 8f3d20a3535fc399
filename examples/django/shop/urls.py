from django.urls import path

from shop import views

urlpatterns = [
    path("orders/<int:number>/invoice", views.invoice),
    path("report", views.report),
    path("hello", views.hello),
    path("login", views.login),
    path("logout", views.logout),
    path("whoami", views.whoami),
]

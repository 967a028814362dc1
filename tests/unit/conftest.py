from hypothesis import HealthCheck, settings

# Two busy cores are slow now and then; that says nothing about the property.
settings.register_profile("unit", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unit")

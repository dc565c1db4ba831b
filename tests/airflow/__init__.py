"""The example DAG, run by a real Airflow: `make test-airflow`."""

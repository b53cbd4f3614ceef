package app

import ai.vtrix.sandbox.Client
import ai.vtrix.sandbox.ClientOptions
import ai.vtrix.sandbox.CreateOptions
import ai.vtrix.sandbox.ExecEvent
import ai.vtrix.sandbox.SandboxException
import kotlinx.coroutines.Job
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.update
import kotlinx.coroutines.launch

class BuildViewModel(token: String) : ViewModel() {
    private val client = Client(ClientOptions(baseUrl = "http://10.0.2.2:8080", token = token))
    val log = MutableStateFlow("")

    fun build(): Job = viewModelScope.launch {
        try {
            client.create(CreateOptions(userId = "user-123", ttlHours = 1.0)).use { sandbox ->
                sandbox.stream("for n in 1 2 3; do echo compiling \$n; sleep 1; done").collect { event ->
                    if (event is ExecEvent.Output) log.update { it + event.text }
                }
                sandbox.delete()
            }
        } catch (error: SandboxException) {
            log.update { it + "${error.kind}: ${error.reason}" }
        }
    }

    override fun onCleared() = client.close()
}
